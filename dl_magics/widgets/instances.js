// %manage_aws: a table of instances. Each click is asked about once, numbered, and shown as
// waiting until the kernel has heard it.

const CAN = {
  start: ["stopped"],
  stop: ["pending", "running"],
  connect: ["running"],
  resize: ["stopped", "running"],
};

function element(tag, text = "", name = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
}

function button(text, action) {
  const made = element("button", text, "dl-button");
  made.addEventListener("click", action);
  return made;
}

function cost(row, shownAt) {
  if (row.dollars_per_hour === null) return "unknown";
  if (!["pending", "running"].includes(row.state)) return "$0.00";
  const seconds = row.seconds + (Date.now() - shownAt) / 1000;
  const dollars = (row.dollars_per_hour * Math.max(seconds, 60)) / 3600;
  return `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`;
}

function question(row, action, type, types) {
  const price = type ? `${types[type] ?? "price unknown"}` : row.price;
  return {
    start: `Start ${row.name}: ${price}`,
    stop: `Stop ${row.name}: its disk goes on costing ${row.disk}`,
    resize: `Make ${row.name} a ${type} (${price} while it runs)`,
  }[action];
}

function render({ model, el }) {
  el.classList.add("dl-instances");
  const waiting = new Map();
  let asking = null;
  let typed = "";
  let shownAt = Date.now();
  let sent = model.get("heard");

  function send(row, action, type) {
    asking = null;
    if (action !== "connect") waiting.set((sent += 1), row.id);
    else sent += 1;
    model.send({ n: sent, id: row.id, action, type });
    draw();
  }

  function ask(row, action) {
    asking = { id: row.id, action };
    draw();
  }

  function asked(row, types) {
    const box = element("span", "", "dl-asked");
    const { action } = asking;
    const text = element("span", action === "resize" ? "" : question(row, action, "", types));
    let chosen = "";
    if (action === "resize") {
      const list = document.createElement("select");
      list.append(new Option("which type?", ""));
      for (const type of Object.keys(types)) list.append(new Option(type, type));
      list.value = typed;
      chosen = typed;
      list.addEventListener("change", () => {
        typed = list.value;
        draw();
      });
      text.textContent = chosen ? question(row, action, chosen, types) : "";
      box.append(list);
    }
    const yes = button("Yes", () => send(row, action, chosen));
    yes.disabled = action === "resize" && !chosen;
    const no = button("No", () => {
      asking = null;
      draw();
    });
    box.append(text, yes, no);
    return box;
  }

  function buttons(row, types) {
    if (asking?.id === row.id) return [asked(row, types)];
    return Object.entries(CAN).map(([action, states]) => {
      const label = action[0].toUpperCase() + action.slice(1);
      const made = button(label, () =>
        action === "connect" ? send(row, action) : ask(row, action),
      );
      made.disabled = !states.includes(row.state);
      return made;
    });
  }

  function draw() {
    for (const n of waiting.keys()) if (n <= model.get("heard")) waiting.delete(n);
    const table = element("table");
    const head = element("tr");
    const heads = ["name", "state", "type", "GPU", "address", "price", "cost since start", "disk"];
    for (const name of [...heads, ""]) head.append(element("th", name));
    table.append(head);
    const types = model.get("types");
    const notes = model.get("notes");
    for (const row of model.get("rows")) {
      const line = element("tr");
      const cells = [row.name, row.state, row.type, row.gpu, row.ip ?? "", row.price];
      for (const text of [...cells, cost(row, shownAt), row.disk]) line.append(element("td", text));
      line.children[1].classList.add(`dl-${row.state}`);
      line.children[6].dataset.id = row.id;
      const last = element("td");
      last.append(...buttons(row, types));
      line.append(last);
      const waits = [...waiting.values()].includes(row.id);
      const note = waits ? "Waiting for the kernel: a cell may be running there." : notes[row.id];
      table.append(line);
      if (note) {
        const below = element("tr");
        const cell = element("td", note, "dl-note");
        cell.colSpan = 9;
        below.append(cell);
        table.append(below);
      }
    }
    const title = element("p", notes[""] ?? model.get("place"));
    el.replaceChildren(title, table);
  }

  function tick() {
    for (const row of model.get("rows")) {
      const cell = el.querySelector(`[data-id="${row.id}"]`);
      if (cell) cell.textContent = cost(row, shownAt);
    }
  }

  function fresh() {
    shownAt = Date.now();
    news();
  }

  // A question stays as it is until it is answered; the kernel checks the state anyway.
  function news() {
    if (!asking) draw();
  }

  model.on("change:rows", fresh);
  model.on("change:place change:heard change:notes change:types", news);
  const clock = setInterval(tick, 1000);
  draw();
  return () => {
    clearInterval(clock);
    model.off("change:rows", fresh);
    model.off("change:place change:heard change:notes change:types", news);
  };
}

export default { render };
