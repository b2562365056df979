/**
 * The page's style beyond Swagger UI's own: the service's name in place of Swagger's, no choice of one server, less room for
 * air, so that Execute is in sight when a definition opens, and a layout that fits on a telephone.
 */
export const STYLE = `
  .swagger-ui .topbar { padding: 8px 0 }
  .swagger-ui .topbar-wrapper .link svg { display: none }
  .swagger-ui .topbar-wrapper .link::after { content: 'Ratchet'; color: #fff; font-size: 22px }
  .swagger-ui .information-container.wrapper { padding-top: 0; padding-bottom: 0 }
  .swagger-ui .info { margin: 16px 0 4px }
  .swagger-ui .info hgroup.main { margin: 0 0 8px }
  .swagger-ui .info .title { font-size: 28px }
  .swagger-ui .info p, .swagger-ui .info li { margin: 4px 0; line-height: 1.4 }
  .swagger-ui .scheme-container { margin: 0; padding: 4px 0; box-shadow: none; background: none }
  .swagger-ui .scheme-container .schemes { justify-content: flex-end }
  .swagger-ui .scheme-container .schemes > .schemes-server-container { display: none }
  .swagger-ui .opblock-tag { padding: 6px 10px }
  .swagger-ui .opblock-body .opblock-description-wrapper { padding: 8px 20px }
  .swagger-ui .opblock-body .opblock-description-wrapper p { margin: 0 }
  .swagger-ui .opblock-body .table-container { padding-top: 8px; padding-bottom: 8px }
  .swagger-ui textarea.body-param__text { min-height: 84px; height: 84px }
  @media (max-width: 640px) {
    .swagger-ui .wrapper, .swagger-ui .opblock-body .table-container { padding-left: 10px; padding-right: 10px }
    .swagger-ui .topbar-wrapper { flex-flow: row wrap }
    .swagger-ui .topbar .download-url-wrapper { flex-basis: 100%; order: 1; margin-top: 8px }
    .swagger-ui .topbar-wrapper a.link { flex: 1; max-width: none }
    .swagger-ui .response-col_links { display: none }
    .swagger-ui .topbar .download-url-wrapper .select-label { max-width: none; margin: 0 }
    .swagger-ui .topbar .download-url-wrapper .select-label > span { display: none }
    .swagger-ui .opblock-summary-path { max-width: none }
    .swagger-ui .opblock-summary { flex-wrap: wrap }
    .swagger-ui .info .title { font-size: 22px }
    .swagger-ui table.parameters thead { display: none }
    .swagger-ui table.parameters td { display: block; width: auto; padding: 4px 0 }
  }
`;
