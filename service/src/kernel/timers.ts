/** Calls `run` every `milliseconds`; the returned function ends that. */
export function every(milliseconds: number, run: () => void): () => void {
  const timer = setInterval(run, milliseconds);
  return () => {
    clearInterval(timer);
  };
}

/** A promise that resolves after `milliseconds`, and a way to call it off; called off, it never resolves. */
export function delay(milliseconds: number): { readonly over: Promise<void>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  return {
    over,
    cancel() {
      clearTimeout(timer);
    },
  };
}

/** Resolves once the process has looked at what the network had brought by now. */
export function afterArrivals(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
