// The words of the page, in the language of the person: chosen in the settings, or else the browser's.

import { en, type Words } from './en';

export type { Who } from './en/activity';

export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

const KEY = 'cloakroom-language';

export let w: Words = en;
export let language: Language = 'en';

function wanted(): Language {
  const isKnown = (name: string | null): name is Language => name !== null && name in LANGUAGES;
  const chosen = localStorage.getItem(KEY);
  if (isKnown(chosen)) return chosen;
  const offered = navigator.languages.map((name) => name.slice(0, 2));
  return offered.find(isKnown) ?? 'en';
}

/** To be awaited before anything is shown. */
export async function loadWords(): Promise<void> {
  language = wanted();
  if (language === 'de') w = (await import('./de')).de;
  document.documentElement.lang = language;
}

/** Takes effect at once, by a new start of the page. */
export function chooseLanguage(name: Language): void {
  localStorage.setItem(KEY, name);
  location.reload();
}
