// Sends one file by tus: from where the server says, again and again until all of it is there or the server refuses it.

import type { Upload } from 'tus-js-client';
import { Refusal } from '../api/errors';
import { w } from '../words';

/** Waits between tries, ms. When they are used up, the upload waits for the network, or for the person. */
const RETRIES = [0, 500, 1_000, 2_000, 4_000, 8_000];

/** A connection that takes nothing for so long is given up, ms. The server lets a newer one go on. */
const STALLED_MS = 30_000;

export interface Sending {
  /** Stops for now; what has arrived stays. */
  pause: () => void;
}

export interface Told {
  onBytes: (sent: number) => void;
  /** `file` is the id of what it has become; visitors of drops are not told. */
  onDone: (file: string | null) => void;
  onLost: () => void;
  onRefused: (refusal: Refusal) => void;
}

/** To `/uploads/ID`, with the session's cookie or these `headers`. */
export async function send(id: string, file: File, headers: Record<string, string>, told: Told): Promise<Sending> {
  const { Upload } = await import('tus-js-client');
  let moved = Date.now();
  let isSent = false;
  const stalled = setInterval(() => {
    // With all bytes sent, the server is writing them to its disk.
    if (isSent || Date.now() - moved < STALLED_MS) return;
    stop();
    told.onLost();
  }, 1_000);
  const stop = () => {
    clearInterval(stalled);
    void upload.abort(false);
  };
  const upload: Upload = new Upload(file, {
    uploadUrl: new URL(`/uploads/${id}`, location.origin).href,
    headers,
    retryDelays: RETRIES,
    storeFingerprintForResuming: false,
    onProgress: (sent) => {
      moved = Date.now();
      isSent = sent >= file.size;
      told.onBytes(sent);
    },
    onSuccess: ({ lastResponse }) => {
      clearInterval(stalled);
      told.onDone(lastResponse.getHeader('Cloakroom-File') ?? null);
    },
    onShouldRetry: (error) => {
      const status = 'originalResponse' in error ? error.originalResponse?.getStatus() : undefined;
      // No answer, an older request of ours in the way, or a server that is about to be back.
      return status === undefined || status === 0 || status === 409 || status === 423 || status === 429 || status >= 500;
    },
    onError: (error) => {
      clearInterval(stalled);
      const response = 'originalResponse' in error ? error.originalResponse : null;
      const status = response?.getStatus() ?? 0;
      if (status === 0 || status === 409 || (status >= 500 && status !== 507)) told.onLost();
      else told.onRefused(refusalOf(status, response?.getBody()));
    },
  });
  upload.start();
  return { pause: stop };
}

/** A problem of RFC 9457; of a status without one, what it means. */
function refusalOf(status: number, body: string | undefined): Refusal {
  try {
    const { code, detail } = JSON.parse(body ?? '') as { code: string; detail: string };
    if (code && status !== 404) return new Refusal(code, detail);
  } catch {
    // A HEAD has no body.
  }
  if (status === 401) return new Refusal('UNAUTHENTICATED', w.errors.signedOut);
  if (status === 404 || status === 410) return new Refusal('NOT_FOUND', w.uploads.gone);
  return new Refusal('UNAVAILABLE', w.errors.unavailable);
}
