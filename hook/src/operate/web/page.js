// Fetches the page again and again and shows what it says now. Without this script the page
// reloads itself.
(() => {
  "use strict";
  const PAUSE = 2000, PATIENCE = 5000, OLD = 6000;
  const age = document.getElementById("age"), lost = document.getElementById("lost");
  let seen = document.body.dataset.silent ? -Infinity : performance.now(), why = "";

  const seconds = (time) => Math.max(0, Math.round(time / 1000));
  const show = () => {
    const old = performance.now() - seen, never = old === Infinity;
    const gone = old > OLD;
    age.textContent = never ? "no data yet" : `data ${seconds(old)} s old`;
    lost.hidden = !gone;
    document.body.classList.toggle("lost", gone);
    if (gone) {
      const since = never ? "No data yet" : `What is shown is ${seconds(old)} s old`;
      lost.textContent = `CONNECTION TO GOVERNESS LOST (${why || "no answer"}). ${since}; it may be wrong.`;
      document.title = document.title.replace(/^(?!\? )/, "? ");
    }
  };

  const take = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    const main = document.querySelector("main"), fresh = next.querySelector("main");
    for (const open of main.querySelectorAll("details[open]")) {
      const same = fresh.querySelector(`details[data-id="${CSS.escape(open.dataset.id)}"]`);
      if (same) same.open = true;
    }
    main.replaceWith(document.adoptNode(fresh));
    document.querySelector("footer").replaceWith(document.adoptNode(next.querySelector("footer")));
    document.title = next.title;
  };

  const refresh = async () => {
    try {
      const answer = await fetch("/", { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" });
      if (answer.ok) {
        take(await answer.text());
        seen = performance.now();
        why = "";
      } else {
        why = answer.status === 503 ? "its loop does not answer" : `HTTP status ${answer.status}`;
      }
    } catch (error) {
      why = error.name === "TimeoutError" ? `no answer in ${PATIENCE / 1000} s` : "nobody answers";
    }
    show();
    setTimeout(refresh, PAUSE);
  };

  setInterval(show, 1000);
  document.addEventListener("visibilitychange", show);
  setTimeout(refresh, PAUSE);
  show();
})();
