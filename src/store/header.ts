import { closeSync, openSync, readSync } from 'node:fs';
import { diskError } from './disk-error.ts';

/** `pawm`, in SQLite's `application_id`: so another program's database is not taken for a store. */
export const APPLICATION_ID = 0x7061776d;

/** The database file format of SQLite (sqlite.org/fileformat.html, 1.3). */
const MAGIC = 'SQLite format 3\0';
const FORMAT_AT = 60;
const APPLICATION_AT = 68;
const LENGTH = 100;

/**
 * The format of a store, read from the start of its file: it is not opened as a database, so no other file is created. @returns undefined for any
 * other file. @throws WorldError when it can't be read.
 */
export function formatIn(path: string): number | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const head = Buffer.alloc(LENGTH);
      if (readSync(file, head, 0, LENGTH, 0) < LENGTH || head.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
      return head.readUInt32BE(APPLICATION_AT) === APPLICATION_ID ? head.readUInt32BE(FORMAT_AT) : undefined;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw diskError(error, path);
  }
}
