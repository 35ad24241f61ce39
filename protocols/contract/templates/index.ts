/**
 * The templates, by name, and terms from parameters as people write them:
 *
 *   termsFromParams(name: string, json: unknown, context: TemplateContext): Terms
 *   TEMPLATES: readonly Template[]                 // name, purpose (en, fr), fields, example(nowMs)
 *   templateOf(name: string): Template             // "sale" or "sale/1"; throws terms-invalid
 *
 * `context` (fields.ts) knows the network, the time, a fresh nonce, parties by name or id, currencies by
 * code or id. Every template takes `services` besides its own parameters (services.ts).
 */
import { SegmentError } from "../../errors.ts";
import type { TimeMs } from "../../ports.ts";
import type { Terms } from "../terms.ts";
import { dataPlan } from "./data.ts";
import type { DataParams } from "./data.ts";
import { deliveryPlan } from "./delivery.ts";
import type { DeliveryParams } from "./delivery.ts";
import { energyPlan } from "./energy.ts";
import type { EnergyParams } from "./energy.ts";
import { objectOf, paramName, readCurrency, readFields, refuse } from "./fields.ts";
import type { Fields, Json, TemplateContext } from "./fields.ts";
import * as lists from "./field-lists.ts";
import { checkedParams } from "./params.ts";
import type { Plan } from "./plan.ts";
import { rentalPlan } from "./rental.ts";
import type { RentalParams } from "./rental.ts";
import { salePlan } from "./sale.ts";
import type { SaleParams } from "./sale.ts";
import { servicesSchema, withServices } from "./services.ts";
import { tabPlan } from "./tab.ts";
import type { TabParams } from "./tab.ts";

export type { Field, Fields, Json, TemplateContext, TemplateCurrency } from "./fields.ts";

export interface Template {
  /** "sale"; the terms carry it with its version, "sale/1". */
  name: string;
  version: number;
  /** What it is for, in one or two sentences. */
  purpose: { en: string; fr: string };
  /** What it takes besides `currency` and `services`. */
  fields: Fields;
  /** Under which name the template takes the time from which the offer is valid. */
  offeredAt: "offeredAtMs" | "orderedAtMs";
  /** Parameters to fill in: only the parties must be changed. */
  example(nowMs: TimeMs): Record<string, Json>;
  plan(params: Record<string, unknown>): Plan;
}

export const TEMPLATES: readonly Template[] = [
  {
    name: "delivery",
    version: 1,
    purpose: {
      en: "A drone brings goods to a place: paid when the parcel is taken there by the buyer.",
      fr: "Un drone apporte une marchandise à un endroit : payé quand l’acheteur y prend le colis.",
    },
    fields: lists.DELIVERY_FIELDS,
    offeredAt: "orderedAtMs",
    example: lists.deliveryExample,
    plan: (params) => deliveryPlan(params as unknown as DeliveryParams),
  },
  {
    name: "sale",
    version: 1,
    purpose: {
      en: "Goods against money, with time to look at them; or a deed against money, in one step.",
      fr: "Une marchandise contre de l’argent, avec le temps de l’examiner ; ou un titre contre de l’argent, d’un coup.",
    },
    fields: lists.SALE_FIELDS,
    offeredAt: "offeredAtMs",
    example: lists.saleExample,
    plan: (params) => salePlan(params as unknown as SaleParams),
  },
  {
    name: "rental",
    version: 1,
    purpose: {
      en: "A guest rents a place behind a lock: paid at the first opening, with a deposit against damage.",
      fr: "Un lieu loué derrière une serrure : payé à la première ouverture, avec une caution.",
    },
    fields: lists.RENTAL_FIELDS,
    offeredAt: "offeredAtMs",
    example: lists.rentalExample,
    plan: (params) => rentalPlan(params as unknown as RentalParams),
  },
  {
    name: "data",
    version: 1,
    purpose: {
      en: "A reader pays for a span of a stream of data, and the owner gives the key to it.",
      fr: "Un lecteur paie une période d’un flux de données, et le propriétaire en donne la clé.",
    },
    fields: lists.DATA_FIELDS,
    offeredAt: "offeredAtMs",
    example: lists.dataExample,
    plan: (params) => dataPlan(params as unknown as DataParams),
  },
  {
    name: "energy",
    version: 1,
    purpose: {
      en: "Households share what they produce: an operator charges each up to its cap in every period.",
      fr: "Des foyers partagent ce qu’ils produisent : un opérateur prélève chez chacun jusqu’à son plafond par période.",
    },
    fields: lists.ENERGY_FIELDS,
    offeredAt: "offeredAtMs",
    example: lists.energyExample,
    plan: (params) => energyPlan(params as unknown as EnergyParams),
  },
  {
    name: "tab",
    version: 1,
    purpose: {
      en: "Money set aside for one payee, and paid offline with vouchers over Bluetooth.",
      fr: "De l’argent réservé à un seul bénéficiaire, et payé hors ligne par des bons en Bluetooth.",
    },
    fields: lists.TAB_FIELDS,
    offeredAt: "offeredAtMs",
    example: lists.tabExample,
    plan: (params) => tabPlan(params as unknown as TabParams),
  },
];

/** The template of a name, with or without its version. Throws `terms-invalid`. */
export function templateOf(name: string): Template {
  const found = TEMPLATES.find((one) => name === one.name || name === `${one.name}/${one.version}`);
  if (found !== undefined) return found;
  const known = TEMPLATES.map((one) => one.name).join(", ");
  return refuse("template", `there is no template ${JSON.stringify(name.slice(0, 40))}; there are ${known}`);
}

/**
 * Terms from parameters as people write them. Throws `terms-invalid` (with `where` = the name in the
 * JSON), `amount-invalid`, `amount-overflow`, `currency-unknown`, `terms-too-large`, `terms-unsafe`, and
 * what `context` throws.
 */
export function termsFromParams(name: string, json: unknown, context: TemplateContext): Terms {
  const template = templateOf(name);
  const { currency, services, ...rest } = objectOf(json, "");
  const money = readCurrency(currency, "currency", context);
  const at = { ...context, where: "", money };
  const params = {
    network: context.network,
    nonce: context.nonce,
    currency: money.id,
    // People read these times: whole seconds.
    [template.offeredAt]: Math.floor(context.nowMs / 1_000) * 1_000,
    ...readFields(template.fields, rest, at),
  };
  const joined =
    services === undefined ? undefined : lists.SERVICES_FIELD.read(services, { ...at, where: "services" });
  try {
    const plan = template.plan(params);
    if (joined === undefined) return withServices(plan, undefined);
    const checked = checkedParams("services", servicesSchema, joined);
    return withServices(plan, checked, context.commission);
  } catch (error) {
    throw inWrittenNames(error, template.fields);
  }
}

/** A refusal that names parameters, told in the names of the file. */
function inWrittenNames(error: unknown, fields: Fields): unknown {
  if (!(error instanceof SegmentError) || error.code !== "terms-invalid") return error;
  const names = new Map(Object.entries(fields).map(([name, field]) => [paramName(name, field), name]));
  const written = (text: string): string =>
    text.replaceAll(/[a-zA-Z0-9]+/g, (word) => names.get(word) ?? word);
  return new SegmentError(error.code, written(error.message), {
    ...(error.where === undefined ? {} : { where: written(error.where) }),
    cause: error,
  });
}
