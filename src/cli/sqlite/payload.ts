/** How much of a payload a b-tree page keeps itself; the rest goes to overflow pages. */
export interface PayloadRule {
  /** The bytes of a page that SQLite uses. */
  readonly usableSize: number;
  /** The longest payload in bytes that stays whole on a table leaf. */
  readonly tableMaximum: number;
  /** The longest payload in bytes that stays whole on a page of an index. */
  readonly indexMaximum: number;
  /** The fewest bytes that a page keeps of a payload that overflows. */
  readonly minimum: number;
}

/**
 * The rule for pages of a size; "Cell Payload Overflow Pages" of the file format.
 *
 * @param usableSize The bytes of a page that SQLite uses.
 * @returns The rule.
 */
export function payloadRule(usableSize: number): PayloadRule {
  return {
    usableSize,
    tableMaximum: usableSize - 35,
    indexMaximum: Math.floor((usableSize - 12) * 64 / 255) - 23,
    minimum: Math.floor((usableSize - 12) * 32 / 255) - 23,
  };
}

/**
 * The bytes that a b-tree page keeps of a payload.
 *
 * @param rule The rule for this page size.
 * @param maximum `rule.tableMaximum` or `rule.indexMaximum`.
 * @param payload The length of the whole payload in bytes.
 * @returns The length of the local part in bytes; less than `payload` if the payload overflows.
 */
export function localPayload(rule: PayloadRule, maximum: number, payload: number): number {
  if (payload <= maximum) return payload;
  const local = rule.minimum + (payload - rule.minimum) % (rule.usableSize - 4);
  return local <= maximum ? local : rule.minimum;
}

/**
 * The overflow pages that a payload fills.
 *
 * @param rule The rule for this page size.
 * @param bytes The bytes that do not fit on the b-tree page.
 * @returns The number of pages.
 */
export function overflowLength(rule: PayloadRule, bytes: number): number {
  return Math.ceil(bytes / (rule.usableSize - 4));
}
