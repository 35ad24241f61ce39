/** The form of UUID that noble and bleno use: no dashes, lower case. */
export function bareUuid(uuid: string): string {
  return uuid.replaceAll("-", "").toLowerCase();
}
