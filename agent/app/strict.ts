/** Before anything else: the page's policy forbids code that is made at run time, so none is tried. */
import { z } from "zod";

z.config({ jitless: true });
