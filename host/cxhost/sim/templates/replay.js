"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("plan"), pen = canvas.getContext("2d");
  const slider = document.getElementById("at"), clock = document.getElementById("clock");
  const button = document.getElementById("play"), speed = document.getElementById("speed");
  const [left, bottom, right, top] = data.box, margin = 40;
  const scale = Math.min((canvas.width - 2 * margin) / (right - left), (canvas.height - 2 * margin) / (top - bottom));
  const offset = (canvas.width - (right - left) * scale) / 2;
  const sx = (x) => offset + (x - left) * scale;
  const sy = (y) => canvas.height - margin - (y - bottom) * scale;
  let now = data.begin, running = false, last = 0;

  // The frame of a person at a time: frames are [second, x, y, second, x, y, ...].
  const found = (frames, at) => {
    let low = 0, high = frames.length / 3;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (frames[3 * middle] <= at) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  const place = (person, at) => {
    const f = person.frames, i = found(f, at);
    if (i < 0 || f[3 * i + 1] === null) return null;
    const j = i + 1;
    // Steps of a walk are drawn as one line; a rest between two frames is a rest.
    if (3 * j < f.length && f[3 * j + 1] !== null && f[3 * j] - f[3 * i] <= 30) {
      const part = (at - f[3 * i]) / (f[3 * j] - f[3 * i]);
      return [f[3 * i + 1] + part * (f[3 * j + 1] - f[3 * i + 1]), f[3 * i + 2] + part * (f[3 * j + 2] - f[3 * i + 2])];
    }
    return [f[3 * i + 1], f[3 * i + 2]];
  };
  const within = (spot) => data.places.findIndex((p) => spot[0] >= p.box[0] && spot[0] <= p.box[0] + p.box[2] && spot[1] >= p.box[1] && spot[1] <= p.box[1] + p.box[3]);
  const alerted = (at) => {
    const on = new Set();
    for (const [when, person, isOn] of data.lit) if (when <= at) { if (isOn) on.add(person); else on.delete(person); }
    return on;
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const drawPlan = () => {
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.font = "13px system-ui, sans-serif";
    for (const p of data.places) {
      const [x, y, w, h] = p.box;
      pen.strokeStyle = style(p.wall ? "--soft" : "--line");
      pen.lineWidth = p.wall ? Math.min(4, 1 + p.wall / 4) : 1;
      pen.strokeRect(sx(x), sy(y + h), w * scale, h * scale);
      pen.fillStyle = style("--soft");
      pen.fillText(p.name, sx(x) + 4, sy(y + h) + 14);
    }
    for (const a of data.attackers) pen.fillText("× " + a.kind, sx(a.at[0]) - 4, sy(a.at[1]) + 4);
  };
  const drawPerson = (person, index, spot, lit, reported) => {
    const x = sx(spot[0]), y = sy(spot[1]);
    pen.beginPath();
    if (reported.has(index)) pen.rect(x - 5, y - 5, 10, 10); else pen.arc(x, y, 4, 0, 7);
    pen.lineWidth = 1.5;
    if (person.badge) { pen.fillStyle = style(reported.has(index) ? "--low" : "--mark"); pen.fill(); }
    else { pen.strokeStyle = style("--mark"); pen.stroke(); }
    if (lit.has(index)) {
      pen.beginPath(); pen.arc(x, y, 9, 0, 7); pen.strokeStyle = style("--high"); pen.lineWidth = 2.5; pen.stroke();
    }
  };
  const draw = () => {
    drawPlan();
    const lit = alerted(now);
    const reported = new Set(data.reports.filter((r) => r[0] <= now).map((r) => r[1]));
    const spots = data.people.map((person) => place(person, now));
    const rooms = spots.map((spot) => spot && within(spot));
    pen.strokeStyle = style("--mark"); pen.lineWidth = 1;
    let here = 0;
    spots.forEach((a, i) => {
      if (!a) return;
      here += 1;
      for (let j = i + 1; j < spots.length; j += 1) {
        const b = spots[j];
        if (b && rooms[i] === rooms[j] && (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 <= 400) {
          pen.beginPath(); pen.moveTo(sx(a[0]), sy(a[1])); pen.lineTo(sx(b[0]), sy(b[1])); pen.stroke();
        }
      }
    });
    spots.forEach((spot, i) => { if (spot) drawPerson(data.people[i], i, spot, lit, reported); });
    const day = Math.floor(now / data.day) + 1, minute = Math.floor((now % data.day) / 60);
    const two = (value) => String(value).padStart(2, "0");
    clock.textContent = `day ${day}, ${two(Math.floor(minute / 60))}:${two(minute % 60)} · ${here} here · ${lit.size} alerted`;
    slider.value = now;
    return here;
  };
  const step = (time) => {
    if (!running) return;
    const seconds = Math.min(0.1, (time - last) / 1000);
    last = time;
    // Nights pass quickly.
    now = Math.min(data.end, now + seconds * Number(speed.value) * (draw() ? 1 : 20));
    if (now >= data.end) stop(); else requestAnimationFrame(step);
  };
  const stop = () => { running = false; button.textContent = "Play"; draw(); };
  button.addEventListener("click", () => {
    if (running) { stop(); return; }
    if (now >= data.end) now = data.begin;
    running = true; button.textContent = "Pause"; last = performance.now();
    requestAnimationFrame(step);
  });
  slider.addEventListener("input", () => { now = Number(slider.value); draw(); });
  draw();
})();
