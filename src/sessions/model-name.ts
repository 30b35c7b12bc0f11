/** Whether a model, `provider:model[@effort]`, is meant: by that, without its effort, or by its provider or model alone. */
export function isModel(model: string | null, name: string): boolean {
  if (model === null) return false;
  const [plain = ""] = model.split("@");
  return [model, plain, ...plain.split(/:(.*)/, 2)].includes(name);
}
