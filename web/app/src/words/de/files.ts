// How many files, in German.

export const files = (count: number) => (count === 1 ? '1 Datei' : `${count.toLocaleString('de')} Dateien`);
