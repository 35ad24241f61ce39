/** Messages of kind "push.…" are news, not promises: nobody acknowledges or repeats them. */
export const PUSH = "push.";
