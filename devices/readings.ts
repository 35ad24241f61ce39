/** What drivers report, checked where it enters a device: a faulty driver must not stop it. */
import { z } from "zod";
import { SegmentError } from "../protocols/errors.ts";
import type { DeviceContext } from "./device.ts";

/** Where something is: 1e-7 degree, and millimetres above the ellipsoid. */
export const positionReadingSchema = z.object({
  timeMs: z.number().int().nonnegative(),
  latitudeE7: z.number().int().min(-900_000_000).max(900_000_000),
  longitudeE7: z.number().int().min(-1_800_000_000).max(1_800_000_000),
  altitudeMm: z.number().int().min(-500_000).max(100_000_000),
});
export type PositionReading = z.infer<typeof positionReadingSchema>;

/** The latest reading of a sensor; undefined while there is none that makes sense. */
export function latest<Schema extends z.ZodType>(
  context: DeviceContext,
  name: string,
  schema: Schema,
): z.output<Schema> | undefined {
  return schema.safeParse(context.readings.get(name)).data;
}

/** A reading that has just come. Errors: reading-invalid. */
export function readingOf<Schema extends z.ZodType>(
  name: string,
  value: unknown,
  schema: Schema,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new SegmentError(
    "reading-invalid",
    `the driver of "${name}" reports: ${parsed.error.issues[0]?.message}`,
    {
      where: name,
    },
  );
}
