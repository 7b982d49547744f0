export { DurableInterpreter } from "./_interpreter.ts";
