/** Release of the catalogue: a new event or field raises the second number, what breaks a reader the first. */
export const catalogueVersion = '1.0.0'
