export * from "./sound_switch.mjs";
