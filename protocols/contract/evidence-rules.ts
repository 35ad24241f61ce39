/** What can be said of a condition without any facts: whom it needs, and who could fulfil it alone. */
import type { Observation, Role } from "./terms.ts";

function membersOf(seen: Observation): Observation[] {
  if (seen.kind === "and") return seen.all;
  if (seen.kind === "or") return seen.any;
  return seen.kind === "not" ? [seen.not] : [];
}

/** All roles that a condition names. */
export function rolesIn(seen: Observation): Role[] {
  if (seen.kind === "near" || seen.kind === "attest") return [seen.role];
  if (seen.kind === "signed" || seen.kind === "met") return seen.roles;
  return membersOf(seen).flatMap(rolesIn);
}

/** Calls `visit` with every fact that a condition looks at; one that it names twice comes twice. */
export function eachFactNamed(seen: Observation, visit: (role: Role, kind: string) => void): void {
  switch (seen.kind) {
    case "near":
      return visit(seen.role, "position");
    case "attest":
      return visit(seen.role, seen.factKind);
    case "signed":
      for (const role of seen.roles) visit(role, seen.factKind);
      return;
    case "met":
      for (const role of seen.roles) visit(role, "met");
      return;
    default:
      for (const member of membersOf(seen)) eachFactNamed(member, visit);
  }
}

/** All facts ("role/kind") that a condition looks at. */
export function factsNamed(seen: Observation): Set<string> {
  const names = new Set<string>();
  eachFactNamed(seen, (role, kind) => names.add(`${role}/${kind}`));
  return names;
}

/** Whether anything but time decides. */
export function dependsOnEvidence(seen: Observation): boolean {
  if (seen.kind === "before") return false;
  const members = membersOf(seen);
  return members.length === 0 || members.some(dependsOnEvidence);
}

/** Whether leaving evidence out could make it hold. */
export function negatesEvidence(seen: Observation): boolean {
  if (seen.kind === "not") return dependsOnEvidence(seen.not);
  return membersOf(seen).some(negatesEvidence);
}

/**
 * Whether one side (an account, perhaps with several roles) can make it hold with its own signatures,
 * given the right time. A secret behind a hash is taken to be another's. With `side` undefined:
 * whether it can hold with nobody's.
 */
export function canSatisfyAlone(
  seen: Observation,
  side: string | undefined,
  sideOf: ReadonlyMap<Role, string>,
): boolean {
  const isOwn = (role: Role): boolean => side !== undefined && sideOf.get(role) === side;
  switch (seen.kind) {
    case "near":
    case "attest":
      return isOwn(seen.role);
    case "signed":
      return seen.roles.filter(isOwn).length >= seen.k;
    case "met":
      return seen.roles.every(isOwn);
    case "before":
    case "not":
      return true;
    case "hash":
      return false;
    case "and":
      return seen.all.every((member) => canSatisfyAlone(member, side, sideOf));
    case "or":
      return seen.any.some((member) => canSatisfyAlone(member, side, sideOf));
  }
}

/** Facts ("role/kind") without which it cannot hold. */
export function factsRequired(seen: Observation): Set<string> {
  switch (seen.kind) {
    case "near":
    case "attest":
    case "met":
      return factsNamed(seen);
    case "signed":
      return seen.k < seen.roles.length ? new Set() : factsNamed(seen);
    case "and":
      return new Set(seen.all.flatMap((member) => [...factsRequired(member)]));
    case "or": {
      const [first, ...others] = seen.any.map(factsRequired);
      return new Set([...(first ?? [])].filter((fact) => others.every((other) => other.has(fact))));
    }
    case "before":
    case "hash":
    case "not":
      return new Set();
  }
}
