const compose = 'com.docker.compose.';
const projectLabel = `${compose}project`;
const serviceLabel = `${compose}service`;
/** What Compose also writes on the images it builds (docker/compose, getImageBuildLabels), besides its version. */
const onImages = new Set([projectLabel, serviceLabel, `${compose}version`]);

/** Characters of a value; of longer ones no more than the beginning may be known. */
const wholeValue = 16_384;

export interface Identity {
  readonly project: string | null;
  readonly service: string | null;
  /** The container's labels without those its image has with the same value. */
  readonly labels: ReadonlyMap<string, string>;
  readonly composeFiles: readonly string[];
  /** Labels for Sluice that it has from its image alone, which count for nothing; absent where there are none. */
  readonly imageLabels?: readonly string[];
}

/**
 * Who a container is, by what its creator said and not by what its image says: labels that equal the image's are not
 * the container's own, so an image cannot claim a Compose project.
 *
 * Compose labels the images it builds with project and service too, and then its containers' claim equals their
 * image's. The claim stands when the container has another label of Compose's of its own, such as the hash of its
 * configuration: that one no image can bring in, since a label equal to the image's is not the container's own.
 */
export function identify(labels: ReadonlyMap<string, string>, image: ReadonlyMap<string, string>): Identity {
  const own = new Map([...labels].filter(([key, value]) => !saysTheSame(image.get(key), value)));
  const byCompose = [...own.keys()].some((key) => key.startsWith(compose) && !onImages.has(key));
  const ignored = [...labels.keys()].filter((key) => key.startsWith('sluice.') && !own.has(key)).toSorted();
  const claim = byCompose ? labels : own;
  return {
    project: claim.get(projectLabel) || null,
    service: claim.get(serviceLabel) || null,
    labels: own,
    composeFiles: (own.get(`${projectLabel}.config_files`) ?? '').split(',').filter((file) => file !== ''),
    ...(ignored.length === 0 ? {} : { imageLabels: ignored }),
  };
}

/**
 * Of two long values no more than the beginnings are known, and a container's own is what surely is: Compose writes no
 * such values, and a label for Sluice that is so long is refused.
 */
function saysTheSame(ofImage: string | undefined, value: string): boolean {
  return ofImage === value || (ofImage !== undefined && ofImage.length > wholeValue && value.length > wholeValue);
}

/** A network's project and its key in the compose file. */
export function identifyNetwork(labels: ReadonlyMap<string, string>): {
  project: string | null;
  composeKey: string | null;
} {
  return { project: labels.get(projectLabel) || null, composeKey: labels.get(`${compose}network`) || null };
}
