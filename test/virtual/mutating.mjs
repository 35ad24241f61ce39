// Loaded by `node --import` before the command line: one line of one built file is replaced as it is read.
import { register } from "node:module";

register("./mutating-hooks.mjs", import.meta.url, {
  data: JSON.parse(process.env.SEGMENT_MUTATION ?? "null"),
});
