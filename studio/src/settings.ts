// What the reader chose, remembered in the browser under the same names as the report page uses.
import { useEffect, useReducer } from 'preact/hooks';

export type Language = 'en' | 'zh';
export type Theme = 'auto' | 'light' | 'dark';

const read = (key: string): string | null => {
  try {
    return localStorage.getItem('tandem.' + key);
  } catch {
    return null; // private mode: nothing is remembered
  }
};

interface Settings {
  language: Language;
  theme: Theme;
  person: string; // who corrects
  model: string;
  token: string; // kept for this tab only
}

const language = read('language');
const theme = read('theme');

export const settings: Settings = {
  language: language === 'en' || language === 'zh' ? language : /^zh/i.test(navigator.language) ? 'zh' : 'en',
  theme: theme === 'light' || theme === 'dark' ? theme : 'auto',
  person: read('person') ?? '',
  model: read('model') ?? '',
  token: (() => {
    try {
      return sessionStorage.getItem('tandem.token') ?? '';
    } catch {
      return '';
    }
  })(),
};

const watchers = new Set<() => void>();

export function set<K extends keyof Settings>(key: K, value: Settings[K]): void {
  settings[key] = value;
  try {
    (key === 'token' ? sessionStorage : localStorage).setItem('tandem.' + key, value);
  } catch {
    // not remembered
  }
  paint();
  for (const watcher of watchers) watcher();
}

/** Draws a component again when a setting changes. */
export function useSettings(): Settings {
  const [, draw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const watcher = () => draw(undefined);
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }, []);
  return settings;
}

const darkSystem = matchMedia('(prefers-color-scheme: dark)');
export const isDark = () => settings.theme === 'dark' || (settings.theme === 'auto' && darkSystem.matches);

function paint(): void {
  document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
  document.documentElement.lang = settings.language === 'zh' ? 'zh-CN' : 'en';
}
darkSystem.addEventListener('change', () => {
  paint();
  for (const watcher of watchers) watcher();
});
paint();
