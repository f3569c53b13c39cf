// The endpoints of `tandem serve` that the page uses; docs/serving.md describes them.
import { set, settings } from './settings';

export interface Model {
  name: string;
  version: number; // that is live; 0: a model file without versions
  classes: string[];
  height: number;
  width: number;
  channels: number;
  goal: string; // what deferral was fitted to; '' when it was not
  learns: boolean; // whether corrections are kept: it has a run folder, and keeping them is allowed
  waiting: number; // decisions in the queue
}

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

export type Why = 'answered' | 'unsure' | 'unfamiliar';

export interface Look {
  version: number;
  label: string;
  probability: number;
  probabilities: number[];
  set: string[]; // the classes that may be true, with the promised coverage; empty: none is credible
  coverage: number; // that promise; 0 when nothing was fitted
  why: Why;
  least: number; // the probability that an answer needs
  strangeness: number; // distance from the training data, 1 being the limit
  picture: string; // PNG in base64: what the network sees
  frame: Frame | null; // where that lies on the picture that was sent
}

export interface Explanation {
  method: string;
  label: string;
  map: { shape: [number, number]; data: number[] }; // how much each pixel speaks for the label; below 0: against it
}

export interface Neighbour {
  picture: string;
  label: string;
  similarity: number;
}

export interface Layer {
  name: string;
  kind: string;
  shape: number[];
  parameters: number;
}

export interface Activation extends Layer {
  shown: number; // how many maps or values follow, of as many as the shape says
  map: string; // uint8 in base64: (shown, height, width) for pictures, (shown) for values; 255 is the highest
}

export interface Waiting {
  decision: number;
  time: string;
  label: string;
  probability: number;
  reason: string;
  input: string; // PNG in base64: what the network saw
}

export interface Version {
  number: number;
  parent: number;
  time: string;
  corrections: number;
  accuracy: number | null; // on the examples held back
  live: boolean;
}

export type Outcome = 'nothing_new' | 'none_believed' | 'all_known' | 'learned' | 'not_learned' | 'forgot';

export interface Update {
  id: number;
  time: string;
  from: number;
  to: number; // 0: did not go live
  corrections: number;
  set_aside: number;
  accuracy_before: number;
  accuracy_after: number;
  asked: number; // the least accuracy with which it may go live
  outcome: Outcome;
}

export interface Correction {
  id: number;
  decision: number;
  time: string;
  person: string;
  said: string; // what the network had said
  label: string;
  trust: number | null; // null: learning has not looked at it
  version: number;
}

export interface Learning {
  versions: Version[];
  updates: Update[];
  corrections: Correction[];
  waiting: number; // corrections that learning has not looked at
}

export interface Comparison {
  both: number;
  only_first: number;
  only_second: number;
  neither: number;
}

export type RunState = 'training' | 'finished' | 'stopped';

export interface Run {
  name: string;
  state: RunState;
  time: string; // of the last change
  epochs: number; // done
  planned: number;
  accuracy: number | null; // on the test part
  validation: number | null; // the best so far
  parameters: number | null;
  report: boolean;
}

export interface Epoch {
  epoch: number;
  train_loss: number | null;
  train_accuracy: number | null;
  validation_loss: number | null;
  validation_accuracy: number | null;
  learning_rate: number | null;
  seconds: number | null;
}

/** What went wrong, in the server's words. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (settings.token) headers.set('Authorization', `Bearer ${settings.token}`);
  let answer: Response;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (reason) {
    if (options.signal?.aborted) throw reason;
    throw new Failure(0, '');
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  let message = text;
  try {
    message = (JSON.parse(text) as { error: string }).error;
  } catch {
    // not JSON: the text itself
  }
  if (answer.status === 401 && settings.token) set('token', '');
  throw new Failure(answer.status, message || `${answer.status} ${answer.statusText}`);
}

const get = async <T>(path: string, signal?: AbortSignal): Promise<T> => (await ask(path, { signal })).json();
const post = async <T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> => {
  const options: RequestInit =
    body instanceof Blob
      ? { body, headers: { 'Content-Type': body.type } }
      : { body: JSON.stringify(body ?? {}), headers: { 'Content-Type': 'application/json' } };
  return (await ask(path, { method: 'POST', signal, ...options })).json();
};

/** A picture to be looked at. Ink is brought to the form of MNIST's digits, other pictures to the network's size. */
export interface Picture {
  bytes: Blob;
  form: 'ink' | 'picture';
}

const at = (model: string, action: string) => `/v2/models/${encodeURIComponent(model)}/${action}`;
const query = (values: Record<string, string>) => '?' + new URLSearchParams(values).toString();

export const api = {
  models: (signal?: AbortSignal) => get<Model[]>('/v2/models', signal),
  look: (model: string, p: Picture, signal?: AbortSignal) => post<Look>(at(model, 'look') + query({ form: p.form }), p.bytes, signal),
  explain: (model: string, p: Picture, method: string, index: number, signal?: AbortSignal) =>
    post<Explanation>(at(model, 'explain') + query({ form: p.form, method, class: String(index) }), p.bytes, signal),
  similar: (model: string, p: Picture, signal?: AbortSignal) => post<Neighbour[]>(at(model, 'similar') + query({ form: p.form }), p.bytes, signal),
  network: (model: string, signal?: AbortSignal) => get<Layer[]>(at(model, 'network'), signal),
  activations: (model: string, p: Picture, signal?: AbortSignal) =>
    post<Activation[]>(at(model, 'activations') + query({ form: p.form }), p.bytes, signal),
  /** Keeps a decision on the picture, for the queue when it was deferred; returns its id. */
  decide: (model: string, p: Picture) => post<{ decision: number }>(at(model, 'decide') + query({ form: p.form }), p.bytes),
  feedback: (model: string, decision: number, label: string, person: string) =>
    post<{ correction: number }>(at(model, 'feedback'), { decision, label, person }),
  queue: (model: string, signal?: AbortSignal) => get<Waiting[]>(at(model, 'waiting'), signal),
  learning: (model: string, signal?: AbortSignal) => get<Learning>(at(model, 'learning'), signal),
  learn: (model: string) => post<Update>(at(model, 'learn')),
  restore: (model: string, version: number) => post<{ version: number }>(at(model, 'restore'), { version }),
  compare: (model: string, first: number, second: number) => post<Comparison>(at(model, 'compare'), { first, second }),
  runs: (signal?: AbortSignal) => get<Run[]>('/v2/runs', signal),
  report: async (run: string) => (await ask(`/v2/runs/${encodeURIComponent(run)}/report`)).blob(),

  /** Calls `epoch` for each epoch of a run, those to come too, until the run ends or `signal` says so. */
  async epochs(run: string, epoch: (e: Epoch) => void, signal: AbortSignal): Promise<void> {
    const answer = await ask(`/v2/runs/${encodeURIComponent(run)}/events`, { signal });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (rest + value).split('\n\n');
      rest = events.pop()!;
      for (const event of events) {
        const fields = new Map(event.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
        if (fields.get('event') === 'epoch') epoch(JSON.parse(fields.get('data')!) as Epoch);
      }
    }
  },
};

/** Bytes of base64. */
export const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), c => c.charCodeAt(0));
export const png = (base64: string) => `data:image/png;base64,${base64}`;
