/**
 * A number for people, with a comma at each thousand.
 *
 * @param value The number.
 * @param digits The digits after the point.
 * @returns The text.
 * @default digits 0
 */
export function grouped(value: number, digits = 0): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
