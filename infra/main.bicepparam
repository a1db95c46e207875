// What `azd up` deploys, and `az deployment group create --parameters infra/main.bicepparam`: dev, unless the
// environment says otherwise. Everything that is not named here has its default from main.bicep.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param deployerPrincipalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param deployerPrincipalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param alertEmails = empty(readEnvironmentVariable('ALERT_EMAILS', '')) ? [] : split(readEnvironmentVariable('ALERT_EMAILS', ''), ',')
param budgetStartDate = readEnvironmentVariable('BUDGET_START_DATE', '')
param maximumInstanceCount = 4
param monthlyBudget = 10

// Cheaper, for pictures up to 20 megapixels; see README.md.
// param instanceMemoryMB = 512
// param maxImagePixels = 20000000
// param httpConcurrency = 4
