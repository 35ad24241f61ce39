import { bleCompliance } from "./suite.ts";
import { inMemory, oneProcess, severalProcesses } from "./worlds.ts";

bleCompliance("in memory, virtual time, interval 22.5 ms", () => inMemory(22.5));
bleCompliance("in memory, virtual time, interval 0", () => inMemory(0));
bleCompliance("noble and bleno in one process, interval 0", () => oneProcess(0));
bleCompliance("noble and bleno in one process, interval 7.5 ms", () => oneProcess(7.5));
bleCompliance("noble and bleno in processes of their own", () => severalProcesses(0));
