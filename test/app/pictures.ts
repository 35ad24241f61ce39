/** Pictures of screens, to be looked at: only where SEGMENT_PICTURES names a folder. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright";

/** In light and dark, as high as the page is. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env["SEGMENT_PICTURES"];
  if (folder === undefined || folder === "") return;
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
}
