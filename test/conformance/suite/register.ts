/** `test` of node:test, or anything else that takes a name and an async function. */
export type Register = (name: string, run: () => Promise<void>) => unknown;
