// What the workflow deploys to production. The differences from dev are the lines after the blank one.
using 'main.bicep'

param environmentName = 'prod'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
param deployerPrincipalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param deployerPrincipalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'ServicePrincipal')
param alertEmails = empty(readEnvironmentVariable('ALERT_EMAILS', '')) ? [] : split(readEnvironmentVariable('ALERT_EMAILS', ''), ',')
param budgetStartDate = readEnvironmentVariable('BUDGET_START_DATE', '')

param maximumInstanceCount = 20
param monthlyBudget = 50
param logQuotaGb = '0.5'
param logRetentionDays = 90
param lock = true
