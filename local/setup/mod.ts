/**
 * What a Versori project needs before its first deployment, from `versori.yaml`.
 *
 * @module
 */
export { isInbound, type Manifest, parseManifest, type System, variablesSchema } from "./manifest.ts";
export { envExample, prefixOf, type Secret, secretsOf } from "./secrets.ts";
export { neededVariables, setupScript } from "./script.ts";
