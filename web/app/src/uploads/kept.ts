// The files of unfinished uploads, kept by the browser (IndexedDB), so that an upload goes on after a reload. A file that is
// too large to be kept is chosen again by the person.

const NAME = 'cloakroom-uploads';
const STORE = 'files';
const LARGEST = 512 * 1024 * 1024;

export interface Kept {
  /** The id of the upload. */
  id: string;
  /** Whose it is: another account of the same browser never sends it. */
  user: string;
  file: File;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** Keeps a file; a browser that has no room for it keeps none. */
export async function keep(kept: Kept): Promise<void> {
  if (kept.file.size > LARGEST) return;
  await run('readwrite', (store) => store.put(kept)).catch(() => undefined);
}

export async function forget(id: string): Promise<void> {
  await run('readwrite', (store) => store.delete(id)).catch(() => undefined);
}

export async function allKept(user: string): Promise<Kept[]> {
  const all = await run('readonly', (store) => store.getAll() as IDBRequest<Kept[]>).catch(() => []);
  return all.filter((kept) => kept.user === user);
}
