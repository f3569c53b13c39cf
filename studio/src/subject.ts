// What is looked at in a model: a drawing, a text, a row. The views share it, and come back to it.
import { useEffect, useReducer } from 'preact/hooks';
import type { Input, Model, Row } from './api';
import { drawing, picture } from './drawing';
import { Signal } from './signal';

export interface Subject {
  changes: Signal;
  /** What is sent to the server; null while there is nothing to look at. */
  input(): Promise<Input | null>;
}

/** A text that is being written. */
export class Draft implements Subject {
  changes = new Signal();
  private now = '';
  get text(): string {
    return this.now;
  }
  set text(text: string) {
    this.now = text;
    this.changes.tell(true);
  }
  async input(): Promise<Input | null> {
    return this.now.trim() ? { bytes: new Blob([this.now], { type: 'text/plain;charset=utf-8' }) } : null;
  }
}

/** A row that is being filled in; at first the usual value of each column. */
export class Form implements Subject {
  changes = new Signal();
  row: Row;
  constructor(private readonly model: Model) {
    this.row = this.usual();
  }
  usual(): Row {
    return Object.fromEntries(this.model.columns.map(c => [c.name, c.usual]));
  }
  put(values: Row): void {
    this.row = { ...this.row, ...values };
    this.changes.tell(true);
  }
  /** Columns that wait for a value. */
  open(): string[] {
    return this.model.columns.filter(c => !c.missing && this.row[c.name] === null).map(c => c.name);
  }
  async input(): Promise<Input | null> {
    return this.open().length ? null : { bytes: new Blob([JSON.stringify(this.row)], { type: 'application/json' }) };
  }
}

const kept = new Map<string, Draft | Form>(); // by model

/** The draft or form of a model, as it was left. */
export function draftOf(model: Model): Draft {
  const found = kept.get(model.name);
  if (found instanceof Draft) return found;
  const made = new Draft();
  kept.set(model.name, made);
  return made;
}
export function formOf(model: Model): Form {
  const found = kept.get(model.name);
  if (found instanceof Form) return found;
  const made = new Form(model);
  kept.set(model.name, made);
  return made;
}

const pad: Subject = { changes: drawing.changes, input: picture };

export const subjectOf = (model: Model): Subject => (model.kind === 'image' ? pad : model.kind === 'table' ? formOf(model) : draftOf(model));

/** Draws a component again when something has changed for good: the pen is up. */
export function useChanges(changes: Signal): void {
  const [, draw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => changes.watch(settled => settled && draw(undefined)), [changes]);
}
