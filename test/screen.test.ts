import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rows, Screen, type Ticker } from '../src/cli/terminal/screen.ts';
import { showReading } from '../src/cli/terminal/show-reading.ts';
import { shownBy } from './terminal.ts';

/** A terminal, or none, that keeps what it was sent, and a clock that is moved by hand. */
class Watched {
  sent = '';
  isTTY = true;
  columns = 80;
  #now = 0;
  #ticks: (() => void)[] = [];
  readonly ticker: Ticker = {
    now: () => this.#now,
    every: (_, tick) => {
      this.#ticks.push(tick);
      return () => {
        this.#ticks = this.#ticks.filter((one) => one !== tick);
      };
    },
  };

  write(text: string): void {
    this.sent += text.replaceAll('\n', '\r\n');
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
    for (const tick of this.#ticks) tick();
  }

  rows(): Promise<readonly string[]> {
    return shownBy(this.columns, this.sent);
  }
}

for (const columns of [80, 120])
  test(`lines and results written while a bar stands leave neither parts of the other, at ${columns} columns`, async () => {
    const terminal = new Watched();
    terminal.columns = columns;
    const screen = new Screen(terminal, { ticker: terminal.ticker, term: 'xterm' });
    const work = screen.work('payments');
    work.at(0, 1000);
    terminal.pass(5_000);
    work.at(250, 1000);
    terminal.pass(0);
    const bar = `payments [${'█'.repeat(10)}${'░'.repeat(30)}] 250 of 1000, 15 s left`;
    assert.deepEqual(await terminal.rows(), [bar]);
    screen.lines(['Order item 1', 'x'.repeat(columns + 5)]);
    assert.deepEqual(await terminal.rows(), ['Order item 1', 'x'.repeat(columns), 'xxxxx', bar]);
    screen.lines(['the result'], { write: (text) => terminal.write(text) });
    work.at(1000, 1000);
    terminal.pass(1_000);
    work.done();
    screen.lines(['done']);
    assert.deepEqual(await terminal.rows(), ['Order item 1', 'x'.repeat(columns), 'xxxxx', 'the result', 'done']);
  });

test('work whose end nobody knows says how long it takes; a narrow terminal gets no bar', async () => {
  const terminal = new Watched();
  const screen = new Screen(terminal, { ticker: terminal.ticker, term: 'xterm' });
  const work = screen.work('reading the chain');
  terminal.pass(150_000);
  assert.deepEqual(await terminal.rows(), ['reading the chain, 3 min so far']);
  terminal.columns = 44;
  work.at(3, 6, 180_000);
  terminal.pass(1);
  assert.deepEqual(await terminal.rows(), ['reading the chain 3 of 6, 3 min left']);
});

test('a pipe gets the lines alone, and a terminal that can change nothing a line of the work now and then', async () => {
  const pipe = new Watched();
  pipe.isTTY = false;
  const dumb = new Watched();
  for (const [to, term] of [
    [pipe, 'xterm'],
    [dumb, 'dumb'],
  ] as const) {
    const screen = new Screen(to, { ticker: to.ticker, term });
    const work = screen.work('payments');
    work.at(0, 100);
    to.pass(10_000 - 500);
    work.at(50, 100);
    for (let i = 0; i < 2; i++) to.pass(500);
    screen.lines(['a line']);
    work.done();
  }
  assert.equal(pipe.sent, 'a line\r\n');
  assert.equal(dumb.sent, `payments [${'█'.repeat(20)}${'░'.repeat(20)}] 50 of 100, 10 s left\r\na line\r\n`);
});

test('a reading of the chain shows its blocks, also those of a reorganisation, its mempool, and then the wallet’s blocks', async () => {
  const terminal = new Watched();
  const screen = new Screen(terminal, { ticker: terminal.ticker, term: 'xterm' });
  const reading = showReading({ work: (name) => screen.work(name) });
  const shown = async (): Promise<string | undefined> => {
    terminal.pass(1_000);
    return (await terminal.rows()).at(-1)?.replaceAll(/[█░]+/g, '…');
  };
  assert.equal(await shown(), 'reading the chain, 1 s so far');
  reading.at('blocks', 5_001, 6_000);
  reading.at('blocks', 5_100, 6_000);
  assert.equal(await shown(), 'reading the chain […] 100 of 1000, 10 s left');
  reading.at('blocks', 4_991, 6_000);
  assert.equal(await shown(), 'reading the chain […] 1 of 1010');
  reading.at('blocks', 6_000, 6_000);
  assert.equal(await shown(), 'reading the chain, 1 s so far');
  reading.at('mempool', 0, 20_000);
  terminal.pass(1_000);
  reading.at('mempool', 5_000, 20_000);
  assert.equal(await shown(), 'reading unconfirmed transactions […] 5000 of 20000, 6 s left');
  reading.at('mempool', 20_000, 20_000);
  assert.equal(await shown(), 'reading the chain, 1 s so far');
  reading.scanned(101, 300);
  assert.equal(await shown(), 'reading the chain […] 1 of 200');
  reading.done();
  assert.equal(await shown(), undefined);
  reading.at('mempool', 1, 20_000);
  assert.equal(await shown(), undefined);
});

test('a terminal that does not know its size gets a row of the usual one', () => {
  const terminal = new Watched();
  terminal.columns = 0;
  const screen = new Screen(terminal, { ticker: terminal.ticker, term: 'xterm' });
  screen.work('blocks').at(5, 10);
  terminal.pass(1_000);
  assert.equal(terminal.sent, `\r\u001b[Kblocks [${'█'.repeat(20)}${'░'.repeat(20)}] 5 of 10`);
});

test('what has gone back behind its beginning is shown as nothing done', async () => {
  const terminal = new Watched();
  const screen = new Screen(terminal, { ticker: terminal.ticker, term: 'xterm' });
  screen.work('blocks').at(-8, 10);
  terminal.pass(1_000);
  assert.deepEqual(await terminal.rows(), [`blocks [${'░'.repeat(40)}] 0 of 10`]);
});

test('prose breaks at spaces and goes on indented; a hash stays whole', () => {
  assert.deepEqual(rows('[B] one two three', 11, 4), ['[B] one two', '    three']);
  assert.deepEqual(rows(`  name   ${'f'.repeat(12)} end`, 10, 2), ['  name', `  ${'f'.repeat(12)}`, '  end']);
  assert.deepEqual(rows('', 10, 2), ['']);
});
