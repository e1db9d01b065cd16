// Light or dark: as the person chose here, or else as the system is.

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'cloakroom-theme';

export function theme(): Theme {
  const chosen = localStorage.getItem(KEY);
  return THEMES.find((name) => name === chosen) ?? 'system';
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function chooseTheme(name: Theme): void {
  localStorage.setItem(KEY, name);
  applyTheme();
}
