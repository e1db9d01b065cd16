// Shows a file in place, where the server lets a browser do that: pictures, video, sound and plain text.

import { useEffect, useRef, useState } from 'react';
import { w } from '../words';
import { ticket } from './documents';

/** So many bytes of a text are shown. */
const TEXT_BYTES = 64 * 1024;

const KINDS: Partial<Record<string, 'picture' | 'film' | 'sound' | 'text'>> = {
  'image/png': 'picture',
  'image/jpeg': 'picture',
  'image/gif': 'picture',
  'image/webp': 'picture',
  'image/avif': 'picture',
  'video/mp4': 'film',
  'video/webm': 'film',
  'video/ogg': 'film',
  'audio/mpeg': 'sound',
  'audio/ogg': 'sound',
  'text/plain': 'text',
};

interface Previewed {
  id: string;
  name: string;
  size: number;
  contentType: string;
}

export function Preview({ file }: { file: Previewed }) {
  const kind = KINDS[file.contentType.split(';')[0]?.trim() ?? ''];
  if (!kind || file.size === 0) return null;
  if (kind === 'picture') return <Picture file={file} />;
  return kind === 'text' ? <Text file={file} /> : <Player file={file} kind={kind} />;
}

function Picture({ file }: { file: Previewed }) {
  const [url, setUrl] = useState<string>();
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    let isOpen = true;
    ticket(file.id, 'INLINE')
      .then(({ url }) => isOpen && setUrl(url))
      .catch(() => isOpen && setFailed(true));
    return () => {
      isOpen = false;
    };
  }, [file.id]);
  return (
    <div className="preview preview-picture">
      {hasFailed ? <p>{w.preview.failed}</p> : url && <img src={url} alt={file.name} onError={() => setFailed(true)} />}
    </div>
  );
}

/** Asks for another ticket when the one before is over, and goes on where it was. */
function Player({ file, kind }: { file: Previewed; kind: 'film' | 'sound' }) {
  const player = useRef<HTMLVideoElement & HTMLAudioElement>(null);
  const [refused, setRefused] = useState(false);

  useEffect(() => {
    const shown = player.current;
    if (!shown) return;
    let expiresAt = 0;
    let isAsking = false;
    const renew = async () => {
      if (isAsking) return;
      isAsking = true;
      try {
        const fresh = await ticket(file.id, 'INLINE');
        const { currentTime, paused } = shown;
        const isFirst = expiresAt === 0;
        expiresAt = fresh.expiresAt;
        shown.src = fresh.url;
        if (!isFirst) {
          shown.currentTime = currentTime;
          if (!paused) await shown.play().catch(() => undefined);
        }
      } catch {
        setRefused(true);
      } finally {
        isAsking = false;
      }
    };
    const renewWhenOver = () => {
      if (expiresAt > 0 && Date.now() > expiresAt - 10_000) void renew();
    };
    const stop = () => {
      // A ticket that is not over and fails all the same: the file may no longer be seen, or the browser cannot play it.
      if (Date.now() > expiresAt - 10_000) void renew();
      else setRefused(true);
    };
    shown.addEventListener('seeking', renewWhenOver);
    shown.addEventListener('error', stop);
    void renew();
    return () => {
      shown.removeEventListener('seeking', renewWhenOver);
      shown.removeEventListener('error', stop);
      shown.removeAttribute('src');
      shown.load();
    };
  }, [file.id]);

  return (
    <div className={`preview preview-${kind}`}>
      {kind === 'film' ? (
        <video ref={player} controls playsInline preload="metadata" aria-label={file.name} hidden={refused} />
      ) : (
        <audio ref={player} controls preload="metadata" aria-label={file.name} hidden={refused} />
      )}
      {refused && <p role="alert">{w.preview.stopped}</p>}
    </div>
  );
}

function Text({ file }: { file: Previewed }) {
  const [text, setText] = useState<string>();
  useEffect(() => {
    const stopped = new AbortController();
    const read = async () => {
      const { url } = await ticket(file.id, 'INLINE');
      const answer = await fetch(url, { headers: { range: `bytes=0-${TEXT_BYTES - 1}` }, signal: stopped.signal });
      if (!answer.ok) throw new Error(`${answer.status}`);
      const charset = /charset=([\w-]+)/.exec(answer.headers.get('content-type') ?? '')?.[1] ?? 'utf-8';
      // The last character may be cut in two: `stream` leaves its half out.
      setText(new TextDecoder(charset).decode(await answer.arrayBuffer(), { stream: true }));
    };
    read().catch(() => stopped.signal.aborted || setText(w.preview.failed));
    return () => stopped.abort();
  }, [file.id]);
  return (
    <div className="preview preview-text">
      <pre tabIndex={0} role="region" aria-label={file.name}>
        {text}
      </pre>
      {file.size > TEXT_BYTES && <p>{w.preview.beginning}</p>}
    </div>
  );
}
