/** 0 marks "no domain" and 1 is reserved for first-stage and pass-through entries, so Linux hands out 2 first. */
export const FIRST_DID = 2;
export const FIRST_STAGE_DID = 1;
