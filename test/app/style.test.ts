/** Colours that can be read: WCAG 2.2, 1.4.3, at least 4.5 to 1, in light and dark. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repositoryRoot } from "../support/shared.ts";

const SHEET = readFileSync(join(repositoryRoot, "agent", "app", "app.css"), "utf8");
const [light = {}, dark = {}] = [...SHEET.matchAll(/:root \{([^}]*)\}/g)].map(([, body = ""]) =>
  Object.fromEntries(
    [...body.matchAll(/(--[\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]),
  ),
) as Record<string, string>[];

const PAIRS = [
  ...["--text", "--soft", "--accent"].flatMap((text) =>
    ["--ground", "--surface"].map((ground) => [text, ground] as const),
  ),
  ["--text", "--raised"],
  ["--soft", "--raised"],
  ["--on-accent", "--accent"],
  ["--ground", "--text"],
  ["--good", "--good-ground"],
  ["--warn", "--warn-ground"],
  ["--bad", "--bad-ground"],
  ["--bad", "--surface"],
  ["--bad", "--ground"],
  ["--text", "--good-ground"],
] as const;

/** Relative luminance of sRGB. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each([
  ["light", light],
  ["dark", dark],
])("the colours in %s", (_, colours) => {
  it.each(PAIRS)("%s on %s can be read", (text, ground) => {
    expect(contrast(colours[text]!, colours[ground]!)).toBeGreaterThanOrEqual(4.5);
  });
});
