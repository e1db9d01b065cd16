// One upload, as the tray shows it.

export type State =
  | 'waiting'
  | 'sending'
  | 'paused'
  /** The network or the server is away; tries again by itself. */
  | 'lost'
  /** Begun before, but its file is not here: the person has to choose it again. */
  | 'missing'
  | 'refused'
  | 'done';

export interface Item {
  key: number;
  name: string;
  size: number;
  sent: number;
  state: State;
  /** Why it was refused. */
  reason: string | null;
  /** Whether there is a file of this name already. */
  isDouble: boolean;
  /** The upload's id at the server, once it has begun. */
  upload: string | null;
  /** What it has become. */
  file: string | null;
}
