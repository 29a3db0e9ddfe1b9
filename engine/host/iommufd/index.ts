export { bootIommufd } from './boot.ts';
export { IOMMUFD_CHECKS } from './checks.ts';
