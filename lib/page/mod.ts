/**
 * The page on which people see what became of their files and act on it: HTML made on the server, readable without
 * scripts, in one answer without anything to load. `answerPage` is a function of a request and of the ports it is
 * handed; nothing in here knows of HTTP servers or stores.
 *
 * @module
 */
export { answerPage } from "./answer_page.ts";
export { FormTokens } from "./form_tokens.ts";
export { type HttpCall, isSameOrigin } from "./same_origin.ts";
export { parseCall, type Wanted } from "./wanted.ts";
export { type PageAnswer, pageHeaders } from "./page_answer.ts";
export type { PagePorts } from "./page_ports.ts";
