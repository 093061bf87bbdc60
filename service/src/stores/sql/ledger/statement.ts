import type { Parameter } from "../database.ts";

/** The text of a statement and its parameters, which stand once each and in order. */
export class Statement {
  readonly parameters: Parameter[] = [];
  #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /** Adds text; each `?` in it stands for the next of these values. */
  add(text: string, ...values: readonly Parameter[]): this {
    const pieces = text.split("?");
    this.#text += ` ${pieces[0] ?? ""}`;
    for (const [index, value] of values.entries()) {
      this.parameters.push(value);
      this.#text += `$${String(this.parameters.length)}${pieces[index + 1] ?? ""}`;
    }
    return this;
  }
}
