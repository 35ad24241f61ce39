/** Which language the person reads. */
export type Language = "en" | "fr";

/** Every text of a screen, in each language. */
export type Texts<Words> = Readonly<Record<Language, Words>>;

const KEPT = "segment.language";

/** What was chosen last, or the browser's. */
export function startLanguage(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "fr") return kept;
  return navigator.language.toLowerCase().startsWith("fr") ? "fr" : "en";
}

export function keepLanguage(language: Language): void {
  localStorage.setItem(KEPT, language);
}
