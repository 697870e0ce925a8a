// Updates rows of a store as OpenClaw 2026.3 does, under its lock: `node peer.mjs DIR UPDATES SEED`.
import fs from "node:fs";
import path from "node:path";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const [dir, updates, seed] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const store = path.join(dir, "sessions.json");
const lock = `${store}.lock`;

// Field 22, behind the name of the program, in which there may be anything.
const stat = fs.readFileSync("/proc/self/stat", "utf8");
const starttime = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);

async function acquire() {
  const begun = Date.now();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const file = fs.openSync(lock, "wx");
      const createdAt = new Date().toISOString();
      fs.writeFileSync(file, JSON.stringify({ pid: process.pid, createdAt, starttime }, null, 2));
      fs.closeSync(file);
      return attempt - 1;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (Date.now() - begun >= 10_000) throw new Error(`session file locked: ${lock}`);
    await sleep(Math.min(1000, 50 * attempt));
  }
}

let state = seed;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state % below;
}

let waits = 0;
for (let done = 0; done < updates; done += 1) {
  waits += await acquire();
  try {
    const rows = JSON.parse(fs.readFileSync(store, "utf8"));
    const counted = Object.values(rows).filter((row) => row.proofUpdates !== undefined);
    counted[random(counted.length)].proofUpdates += 1;
    const temp = `${store}.${randomUUID()}.tmp`;
    fs.writeFileSync(temp, JSON.stringify(rows, null, 2), { mode: 0o600 });
    fs.renameSync(temp, store);
  } finally {
    fs.rmSync(lock, { force: true });
  }
  await sleep(random(3));
}
console.log(JSON.stringify({ updates, waits }));
