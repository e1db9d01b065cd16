// How many files, in English.

export const files = (count: number) => (count === 1 ? '1 file' : `${count.toLocaleString('en')} files`);
