/** What people write into an option or a field of a form: read, or refused with what it takes. */
import { SegmentError } from "../../protocols/errors.ts";

/** Errors: option-invalid. */
export function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= min && value <= max) return value;
  throw optionInvalid(name, `a number from ${min} to ${max}`, text);
}

/** Errors: option-invalid. */
export function integerOf(name: string, text: string, min: number, max: number): number {
  const value = numberOf(name, text, min, max);
  if (Number.isInteger(value)) return value;
  throw optionInvalid(name, `a whole number from ${min} to ${max}`, text);
}

export function optionInvalid(name: string, takes: string, given: string): SegmentError {
  return new SegmentError("option-invalid", `${name} takes ${takes}, not "${given}"`, { where: name });
}
