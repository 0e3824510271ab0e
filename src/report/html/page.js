"use strict";
(() => {
  const form = document.getElementById("filter");

  // Each curl line can be copied.
  const addCopy = (details) => {
    const pre = details.querySelector("pre.c");
    if (!pre || pre.parentNode.classList.contains("again")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy the command");
    button.addEventListener("click", async () => {
      const done = await copy(pre);
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    pre.parentNode.classList.add("again");
    pre.after(button);
  };
  const copy = async (pre) => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      return true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(pre);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      return document.execCommand("copy");
    }
  };
  document.querySelectorAll("details.f[open]").forEach(addCopy);
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details.f[open]")) addCopy(event.target);
  }, true);

  // On paper everything is open.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((details) => { details.open = false; }));

  // A link to a finding opens it, and shows it where the filter hides it.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.matches("details.f, .rule")) return;
    if (target.hidden || target.closest("[hidden]")) { form.reset(); apply(); }
    if (target.matches("details.f")) target.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);

  if (!form) return;
  const rules = [...document.querySelectorAll("section.rule")].map((section) => ({
    section,
    severity: section.dataset.severity,
    area: section.id.split(".")[0],
    text: [...section.children].filter((child) => !child.matches("details")).map((child) => child.textContent).join(" ").toLowerCase(),
    findings: [...section.querySelectorAll("details.f")],
  }));
  const all = rules.reduce((sum, rule) => sum + rule.findings.length, 0);
  const texts = new Map();
  const textOf = (details) => {
    if (!texts.has(details)) texts.set(details, details.textContent.toLowerCase());
    return texts.get(details);
  };
  const isAt = (runs, minor) => runs.split(" ").some((run) => {
    const [first, last = first] = run.split("-").map(Number);
    return run !== "" && first <= minor && minor <= last;
  });

  const apply = () => {
    const asked = Object.fromEntries(new FormData(form));
    const words = asked.text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const rule of rules) {
      const fits = (!asked.severity || rule.severity === asked.severity) && (!asked.area || rule.area === asked.area);
      let any = false;
      for (const details of rule.findings) {
        const { side, version, daemon } = details.dataset;
        const shows = fits
          && (!asked.side || side === asked.side)
          && (!asked.operation || details.querySelector("summary b").textContent === asked.operation)
          && (!asked.version || isAt(version, Number(asked.version)))
          && (!asked.daemon || (daemon ?? "").split(" ").includes(asked.daemon))
          && (!asked.waived || ("waived" in details.dataset) === (asked.waived === "yes"))
          && words.every((word) => rule.text.includes(word) || textOf(details).includes(word));
        details.hidden = !shows;
        any ||= shows;
        shown += shows;
      }
      rule.section.hidden = !any;
    }
    form.querySelector("output").value = `${shown === all ? all : `${shown} of ${all}`} kinds of findings`;
  };
  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 60); });
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const search = form.elements.text;
    if (event.key === "/" && !event.target.matches("input, select, textarea")) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      apply();
    }
  });
  form.hidden = false;
  apply();
  if (location.hash) follow();
})();
