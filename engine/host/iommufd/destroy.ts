import type { Handler } from './context.ts';

/** IOMMU_DESTROY: any object that nothing else uses; a device never is one, since VFIO holds it. */
export const destroy: Handler = (ctx, { cmd }) => {
  const id = cmd.u32('id');
  const obj = ctx.objects.find(id);
  const refusal = ctx.objects.remove(id);
  if (!refusal && obj === ctx.vfioIoas) ctx.vfioIoas = undefined;
  return refusal;
};
