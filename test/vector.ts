import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../shared/vectors/', import.meta.url);

/** A file of vectors published by others, parsed. @throws Error that says where the folder belongs when it is missing. */
export function publishedVectors(name: string): unknown {
  let text: string;
  try {
    text = readFileSync(new URL(name, FOLDER), 'utf8');
  } catch (cause) {
    throw new Error(`The published vectors are missing: ${name} belongs into the folder shared/vectors, which sits beside the checkout.`, {
      cause,
    });
  }
  return JSON.parse(text);
}
