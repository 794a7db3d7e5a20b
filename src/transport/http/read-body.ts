/** The most bytes of a body without a declared length. */
export const MOST_UNDECLARED: number = 64 * 1024;

/** The declared length of a body; undefined where there is none. */
export function declaredBytes({ headers }: Request): number | undefined {
  const length = headers.get('content-length');
  return length === null ? undefined : Number(length);
}

/** Reads a body as UTF-8 text; undefined when it has more than `most` bytes, and it never stores more. @throws whatever breaks the stream. */
export async function readBounded(body: ReadableStream<Uint8Array> | null, most: number): Promise<string | undefined> {
  if (body === null) return '';
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = '';
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > most) {
      await reader.cancel().catch(() => undefined);
      return undefined;
    }
    text += decoder.decode(next.value, { stream: true });
  }
  return text + decoder.decode();
}

export type JsonText = { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'not-json' };

export function parseJson(text: string): JsonText {
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'not-json' };
  }
}
