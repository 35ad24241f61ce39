/** The phone's app begins here. */
import "./strict.ts";
import { render } from "preact";
import { App } from "./app.tsx";

render(<App />, document.querySelector("#app")!);

// Works offline from the second visit on, and can be installed.
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("./service-worker.js").catch(() => {
    // Served from sources, or without a secure context: then it works online alone.
  });
}
