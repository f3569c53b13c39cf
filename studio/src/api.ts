// The endpoints of `tandem serve` that the page uses; docs/serving.md describes them.
import { set, settings } from './settings';

export type Kind = 'image' | 'text' | 'table' | 'language';

export interface Model {
  name: string;
  kind: Kind;
  version: number; // that is live; 0: a model file without versions
  classes: string[]; // a language model has none
  channels: number; // of pictures
  columns: Column[]; // of tables
  context: number; // of language models: the tokens it sees at a time
  methods: string[]; // of explaining; the first is the usual one
  goal: string; // what deferral was fitted to; '' when it was not
  learns: boolean; // whether corrections are kept: it has a run folder, and keeping them is allowed
  waiting: number; // decisions in the queue
}

/** A column of the table that a model learned from. */
export interface Column {
  name: string;
  kind: 'number' | 'category' | 'date';
  values: string[]; // of categories
  low: string | null; // the range of the others
  high: string | null;
  usual: string | null;
  missing: boolean; // whether it may be empty
}

/** Column to value; null where there is none. */
export type Row = Record<string, string | null>;

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
  picture?: string; // PNG in base64: what the network sees of a picture
  frame?: Frame; // where that lies on the picture that was sent
}

/** How much each pixel, word or column speaks for the label; below 0: against it. */
export interface Explanation {
  method: string;
  label: string;
  map: { shape: [number, number]; data: number[] };
}

export interface TextExplanation {
  method: string;
  label: string;
  parts: { text: string; begin: number; end: number; adds: number }[]; // in bytes of UTF-8
}

export interface Counterfactual {
  found: boolean;
  label: string;
  probability: number; // of the label after the changes
  changes: { column: string; from: string | null; to: string | null }[];
}

export interface RowExplanation {
  method: string;
  label: string;
  probability: number;
  usual: number; // the mean over training rows
  parts: { column: string; value: string | null; adds: number }[];
  counterfactual: Counterfactual;
}

/** A training example that resembles another. */
export interface Neighbour {
  picture?: string;
  text?: string;
  row?: Row;
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
  shown: number; // how many maps, values or tokens follow, of as many as the shape says
  map: string; // uint8 in base64: (shown, height, width) for pictures, (shown) for values, (shown, width) for tokens
  width?: number; // of tokens: how many numbers of each
  tokens?: string[]; // of a text: what the network reads
}

export interface Waiting {
  decision: number;
  time: string;
  label: string;
  probability: number;
  reason: string;
  media_type: string;
  input: string; // in base64: a PNG of what the network saw, a text, or a row as JSON
  probabilities: number[];
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
    const { error } = JSON.parse(text) as { error: string | { message: string } }; // the latter as OpenAI has it
    message = typeof error === 'string' ? error : error.message;
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

/** An example to be looked at. Pictures of ink are brought to the form of MNIST's digits, others to the network's size. */
export interface Input {
  bytes: Blob; // PNG or JPEG, text/plain, or a row as application/json
  form?: 'ink' | 'picture';
}

/** How a language model goes on with a text. */
export interface Writing {
  prompt: string;
  max_tokens: number;
  temperature: number;
  top_p: number;
  seed: number;
}

const at = (model: string, action: string) => `/v2/models/${encodeURIComponent(model)}/${action}`;
const send = <T>(model: string, action: string, { bytes, form }: Input, query: Record<string, string>, signal?: AbortSignal): Promise<T> => {
  const words = new URLSearchParams(form ? { form, ...query } : query).toString();
  return post(at(model, action) + (words && '?' + words), bytes, signal);
};

/** Server-sent events as they come: name ('' when none is given) and data. */
async function* eventsOf(answer: Response): AsyncGenerator<{ event: string; data: string }> {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop()!;
    for (const lines of events) {
      const fields = new Map(lines.split('\n').map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      yield { event: fields.get('event') ?? '', data: fields.get('data') ?? '' };
    }
  }
}

export const api = {
  models: (signal?: AbortSignal) => get<Model[]>('/v2/models', signal),
  look: (model: string, input: Input, signal?: AbortSignal) => send<Look>(model, 'look', input, {}, signal),
  /** Of the model's own kind. */
  explain: <E>(model: string, input: Input, method: string, label: number, signal?: AbortSignal) =>
    send<E>(model, 'explain', input, { method, class: String(label) }, signal),
  similar: (model: string, input: Input, signal?: AbortSignal) => send<Neighbour[]>(model, 'similar', input, {}, signal),
  network: (model: string, signal?: AbortSignal) => get<Layer[]>(at(model, 'network'), signal),
  activations: (model: string, input: Input, signal?: AbortSignal) => send<Activation[]>(model, 'activations', input, {}, signal),
  /** Keeps a decision, for the queue when it was deferred; returns its id. */
  decide: (model: string, input: Input) => send<{ decision: number }>(model, 'decide', input, {}),
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
    for await (const { event, data } of eventsOf(answer)) if (event === 'epoch') epoch(JSON.parse(data) as Epoch);
  },

  /** Calls `piece` for each piece of text that the model writes; returns why it ended. Ends early when `signal` says so. */
  async write(model: string, writing: Writing, piece: (text: string) => void, signal: AbortSignal): Promise<'stop' | 'length'> {
    const body = JSON.stringify({ model, ...writing, stream: true });
    const answer = await ask('/v1/completions', { method: 'POST', body, headers: { 'Content-Type': 'application/json' }, signal });
    let reason: 'stop' | 'length' = 'stop';
    for await (const { data } of eventsOf(answer)) {
      if (data === '[DONE]') break;
      const said = JSON.parse(data) as { choices?: { text: string; finish_reason: 'stop' | 'length' | null }[]; error?: { message: string } };
      if (said.error) throw new Failure(500, said.error.message);
      const choice = said.choices![0];
      piece(choice.text);
      reason = choice.finish_reason ?? reason;
    }
    return reason;
  },
};

/** Bytes of base64. */
export const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), c => c.charCodeAt(0));
/** Text of base64. */
export const textOf = (base64: string): string => new TextDecoder().decode(bytesOf(base64));
export const png = (base64: string) => `data:image/png;base64,${base64}`;
