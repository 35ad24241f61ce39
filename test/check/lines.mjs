/**
 * The formatter breaks code at 110 characters, but not comments. Lines that hold something
 * without spaces (a test vector, an address) may be longer, and so may a text for people,
 * which reads better whole.
 */
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const MOST = 110;
const UNBREAKABLE = /\S{60}/;
/** A string of code, of a sentence's length. */
const LONG_TEXT = /(["`])(?:(?!\1).){40,}\1/g;
const SOURCE = /\.(tsx?|mjs|cjs|css|html|c|h)$/;
const FOLDERS = ["protocols", "devices", "hardware-profiles", "agent", "simulators", "test"];

process.chdir(resolve(process.argv[2] ?? fileURLToPath(new URL("../..", import.meta.url))));
let files = 0;
let tooLong = 0;
for (const folder of FOLDERS) for (const file of sources(folder)) check(file);
console.log(`${files} files, ${tooLong} lines over ${MOST} characters`);
if (tooLong > 0 || files === 0) process.exitCode = 1;

function check(file) {
  files += 1;
  let inText = false;
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    // Inside a text of several lines, such as a snapshot, nothing can be broken.
    const wasInText = inText;
    if ((line.match(/(?<!\\)`/g)?.length ?? 0) % 2 === 1) inText = !inText;
    if (wasInText && inText) continue;
    const isComment = /^\s*(\/\/|\/?\*)/.test(line);
    const counted = isComment ? line : line.replace(LONG_TEXT, "");
    if (counted.length <= MOST || UNBREAKABLE.test(line)) continue;
    tooLong += 1;
    console.error(`${file}:${index + 1}: ${line.length} characters`);
  }
}

function sources(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : sources(path);
    return SOURCE.test(path) ? [path] : [];
  });
}
