// The lab's part of the page: says what is being loaded and what failed, and starts a lesson over.
{
  const LONG_S = 180;
  const said = new Map();

  // A line at the foot of the page; no text takes it away.
  const say = (name, text) => {
    said.set(name, text);
    const lines = [...said.values()].filter(Boolean);
    let box = document.getElementById("nova-lab-says");
    if (!box) {
      if (!document.body) return addEventListener("DOMContentLoaded", () => say(name, said.get(name)));
      box = document.createElement("div");
      box.id = "nova-lab-says";
      box.setAttribute("role", "status");
      box.style.cssText =
        "position:fixed;right:16px;bottom:36px;max-width:34em;padding:8px 12px;z-index:10000;" +
        "font:14px/1.4 sans-serif;color:#000;background:#fff8dc;border:1px solid #b8860b;white-space:pre-line";
      document.body.append(box);
    }
    box.hidden = !lines.length;
    box.textContent = lines.join("\n");
  };

  const waiting = new Set(); // kernels that have not answered: each lesson has its own
  const failed = (why) => {
    waiting.clear();
    say("python", `Python could not be loaded: ${why}\nCheck the network, then reload this page.`);
  };

  if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
    say("python", "This browser cannot run Python (it has no WebAssembly). Please open this page in a present-day Firefox, Chrome, Edge or Safari.");
  }

  const LOST = "What you write is lost when this page is closed: ";
  const storage = new Promise((yes, no) => {
    const asked = indexedDB.open("nova-lab-storage");
    asked.onsuccess = yes;
    asked.onerror = no;
  });
  storage.catch(() => say("storage", `${LOST}this browser stores nothing for this address. File > Download keeps a copy.`));

  // Opened again, the page comes from this browser's cache: performance knows what it loaded.
  performance.setResourceTimingBufferSize(5000);
  const keep = () => {
    const urls = performance.getEntriesByType("resource").map((entry) => entry.name);
    navigator.serviceWorker?.controller?.postMessage({ keep: [location.href, ...urls] });
  };

  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data === "nova-lab-kept") document.getElementById("nova-lab-says").dataset.kept = "";
  });

  const LOADING =
    "Loading Python and its packages: about 40 MB and half a minute on the first visit, a few seconds after that. You can read on.";
  const answered = new Set();
  const show = () => {
    say("python", waiting.size ? LOADING : "");
    document.getElementById("nova-lab-says").dataset.answered = [...answered].join(" ");
  };

  // A busy page may hear this before it has looked for the kernel that failed.
  let heard = "";
  new BroadcastChannel("nova-lab").onmessage = (event) => failed((heard = event.data));

  // Until every lesson's Python has answered once, the page says what it waits for, or what did not come.
  const wait = (kernel) => {
    answered.delete(kernel.id);
    if (!heard) {
      waiting.add(kernel);
      show();
    }
    const late = setTimeout(() => heard || failed("nothing has come for three minutes."), LONG_S * 1000);
    const stop = () => {
      clearTimeout(late);
      clearInterval(again);
      waiting.delete(kernel);
    };
    const ask = () => {
      if (kernel.isDisposed) {
        stop();
        if (!heard) show();
        return;
      }
      kernel.requestExecute({ code: "", silent: true, store_history: false }).done.then(() => {
        stop();
        heard = "";
        answered.add(kernel.id);
        show();
        keep();
        // What each lesson's first cells need, while the learner still reads.
        kernel.requestExecute({ code: "import labkit.cloud, labkit.dials", silent: true, store_history: false });
      }, () => {});
    };
    const again = setInterval(ask, 3000); // a kernel that restarts loses what it is asked
    ask();
  };

  const startOver = async (app) => {
    const { context, sessionContext } = app.shell.currentWidget;
    if (!confirm("Start this lesson over? What you wrote in it is deleted.")) return;
    await app.serviceManager.contents.delete(context.path);
    await context.revert();
    await sessionContext.restartKernel();
  };

  const watched = new WeakSet();
  const timer = setInterval(() => {
    const app = window.jupyterapp;
    if (!app?.shell) return;
    if (!app.commands.hasCommand("nova-lab:start-over")) {
      app.commands.addCommand("nova-lab:start-over", {
        label: "Start this lesson over",
        execute: () => startOver(app),
      });
    }
    const kernel = app.shell.currentWidget?.sessionContext?.session?.kernel;
    if (!kernel || watched.has(kernel)) return;
    watched.add(kernel);
    kernel.statusChanged.connect((_, status) => {
      if (status !== "restarting" && status !== "autorestarting") return;
      heard = "";
      wait(kernel);
    });
    wait(kernel);
  }, 250);
}
