// The lab from this browser's own cache, with or without a network. JupyterLite's worker, loaded last,
// hands the page's files to Python.
{
  const NAME = "nova-lab-BUILD";
  const FILES = [/* FILES */];
  const OURS = [new URL("./", self.location.href).href, /* PYODIDE */];
  const NOT = /\/api\/(drive|stdin|service-worker)/;

  const isOurs = ({ url, method }) =>
    method === "GET" && OURS.some((start) => url.startsWith(start)) && !NOT.test(url);
  // One file, whatever stands behind its question mark.
  const key = (url) => url.replace(/[?#].*/, "");

  const answer = async (request) => {
    const cache = await caches.open(NAME);
    const kept = await cache.match(key(request.url));
    if (kept) return kept;
    const got = await fetch(request);
    if (got.status === 200 || got.type === "opaque") await cache.put(key(request.url), got.clone());
    return got;
  };

  // An answer names the page, not which of its lessons asked for which file. So a page is asked for one
  // file at a time. If it does not answer, the next request waits no longer than LONG_MS.
  const turns = new Map();
  const LONG_MS = 30000;
  const inTurn = async (request) => {
    const { browsingContextId: page } = await request.clone().json();
    const before = turns.get(page);
    let next;
    turns.set(page, new Promise((yes) => (next = yes)));
    await before;
    setTimeout(next, LONG_MS);
    return broadcastOne(request, new URL(request.url)).finally(next); // JupyterLite's
  };

  self.addEventListener("activate", (event) => {
    const old = (names) => names.filter((name) => name.startsWith("nova-lab-") && name !== NAME);
    event.waitUntil(caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))));
  });
  self.addEventListener("fetch", (event) => {
    if (new URL(event.request.url).pathname.endsWith("/api/drive")) {
      event.stopImmediatePropagation();
      event.respondWith(inTurn(event.request));
      return;
    }
    if (!isOurs(event.request)) return;
    event.stopImmediatePropagation();
    event.respondWith(answer(event.request));
  });
  self.addEventListener("message", (event) => {
    const urls = [...(event.data.keep ?? []), ...["", ...FILES].map((name) => OURS[0] + name)];
    const keep = urls.map((url) => new Request(url)).filter(isOurs);
    event.waitUntil(Promise.allSettled(keep.map(answer)).then(() => event.source.postMessage("nova-lab-kept")));
  });
}
importScripts("jupyterlite-service-worker.js");
