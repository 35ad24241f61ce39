/** How large a contract may be. Checked before anything is built from a stranger's bytes. */
export const MAX_TERMS_BYTES = 16_384;
/** Nodes (and observations) within one another. */
export const MAX_DEPTH = 32;
/** Nodes and observations of a contract, together. */
export const MAX_NODES = 256;
export const MAX_PARTIES = 8;
/** Cases of one `when`, and members of one `and` or `or`. */
export const MAX_CASES = 8;
export const MAX_DETAILS = 32;
export const MAX_BENEFICIARIES = 4;
export const MAX_MANDATES = 16;
/** Of a mandate's cap: ten years. */
export const MAX_PERIOD_MS = 315_576_000_000;
/** End of the year 9999: no time in terms or facts is later. */
export const MAX_TIME_MS = 253_402_300_799_999;
/** No fact may be required to be near a point by more than 1,000 km: that would say nothing. */
export const MAX_RADIUS_MM = 1_000_000_000;
/** Facts, and preimages, of one input. */
export const MAX_FACTS = 32;
/** Facts that parties keep of one contract, and of one of them. */
export const MAX_KEPT_FACTS = 64;
export const MAX_FACTS_OF_PARTY = 8;
export const MAX_PREIMAGE_BYTES = 256;
