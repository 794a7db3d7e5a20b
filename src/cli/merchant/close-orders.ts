/** Store kind of the owner's orders to close a channel: any process may write one; the running merchant carries it out. */
export const CLOSE_ORDER = 'close-order';
